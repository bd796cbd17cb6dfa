"""What runs in the child that opens uploads: no Django, no project code beside it, and hardly any rights."""

PAGES_DRAWN = 5  # of a PDF
