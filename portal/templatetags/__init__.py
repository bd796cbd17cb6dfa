"""Template tags shared by every page: what `{% load desk %}` and `{% load desk_forms %}` give."""
