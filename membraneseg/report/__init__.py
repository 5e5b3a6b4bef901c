"""Pictures and the page that people look at."""
