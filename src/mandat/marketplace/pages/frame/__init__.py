"""What every page of the marketplace stands on: one request, the site's tools, the installation it is about."""
