"""The look: one shared appearance and the page-security helpers that every set of pages needs.

Here: templates and macros, the style sheet and how static files are sent, page headers, cookie rules; and of forms the
same-origin check, tokens, the strict reading of fields, the refusal that becomes an error page.
Not here: anything about rights, accounts or routes. The authority's pages (`mandat.web.pages`) and the marketplace both
stand on this room, each with a `Brand` of its own. Source: design.md 7.
"""
