"""Arguments of everything public: one table of what a name means, checked before anything is done.

`public` is the decorator of every verb: an argument that is unknown, missing or of another kind is an `InputError` that
names it and says what is right, together with all other faults; a net may be given by name or path.
"""

from adnflex.arguments.call import keywords_of, public

__all__ = ["keywords_of", "public"]
