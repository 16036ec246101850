"""The authority's pages: sign-up, login, the validation page, lists of applications. HTML in, HTML out, no script.

Decides: what a page shows, which form it accepts, where the browser goes next. Leaves every decision about rights to
`mandat.authority`: from here no right can be widened. Source: issue 2 "Authority, pages", design.md 7.

Entry points: `router.page_router(authority, settings)` for `web.application`, `routes.PAGE_ROUTES` for the gateway,
`errors.error_page` for faults outside these routes. Nothing is imported here: the gateway reads `routes` and must not
carry a web framework.
"""
