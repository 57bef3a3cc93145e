"""The verbs: read, declare, solve, apply, check.  The only place that knows both sides."""
