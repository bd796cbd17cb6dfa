"""Words that come from data, in the reader's language: what `{% load desk_words %}` gives."""

from django import template
from django.utils.functional import Promise

from portal.kit.retold import retold

register = template.Library()


@register.filter
def trans_card(text: str | Promise | None) -> str:
    """What a card or a stored reason says, translated at display: cards and the engine know no Django."""
    return retold(str(text)) if text else ""
