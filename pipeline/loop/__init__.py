"""A pipeline that looks after itself: each new span is validated, the pushed model is judged on it, and trained anew."""
