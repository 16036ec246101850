"""The look: one shared appearance and the page-security helpers that every set of pages needs.

Here: templates and macros, the style sheet, page headers, the same-origin check, form tokens, cookie rules.
Not here: anything about rights, accounts or routes. The authority's pages (`mandat.web.pages`) and the marketplace both
stand on this room, each with a `Brand` of its own. Source: design.md 7.
"""
