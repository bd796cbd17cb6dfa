"""Words that come from data, in the reader's language: what `{% load desk_words %}` gives."""

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext

register = template.Library()


@register.filter
def trans_card(text: str | Promise | None) -> str:
    """What a card says (labels, help, options, guides), translated at display: cards know no Django."""
    return gettext(str(text)) if text else ""
