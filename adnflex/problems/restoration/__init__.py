"""What an outage takes away, and what few operations bring back."""
