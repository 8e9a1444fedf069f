"""Data of the fictional demo province; never used in production."""
