"""The HTTP service: an API that scores pictures, and the page to cull in (extra `serve`)."""
