"""The web application: the model behind HTTP, for the page and for programs. Needs the extra `web`."""
