"""The web server: the page and the REST API. Needs the extra `web`."""
