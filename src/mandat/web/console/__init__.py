"""The API console: a page on which developers try every call, signed in their own browser."""
