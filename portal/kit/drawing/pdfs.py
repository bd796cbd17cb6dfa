"""Draws the first pages of a PDF below each other. Run by portal.kit.pictures in a child of its own.

PDFium is built without scripts and without XFA, and the forms of the file are never started: nothing in it runs.
"""

from __future__ import annotations

import pypdfium2  # type: ignore[import-untyped]
from PIL import Image
from pypdfium2 import raw

from portal.kit.drawing import PAGES_DRAWN
from portal.kit.drawing.child import Drawn, Refused, serve

WIDEST, TALLEST = 1_600, 2_400  # pixels of one page
SHARPEST = 2.5  # pixels per point: 180 dpi
# Points. PDF's own limit is 14,400, which is 5 m; a page below 18 has no room for a word.
SMALLEST_PAGE, LARGEST_PAGE = 18, 14_400
_GAP, _GREY = 8, (150, 156, 166)
_REFUSALS = {raw.FPDF_ERR_PASSWORD: "protected", raw.FPDF_ERR_SECURITY: "protected"}


def draw(content: bytes) -> Drawn:
    """The first pages, a grey line between two."""
    pdf = _opened(content)
    return Drawn(_stacked([_page(pdf, number) for number in range(min(len(pdf), PAGES_DRAWN))]), len(pdf))


def _opened(content: bytes) -> pypdfium2.PdfDocument:
    try:
        pdf = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        # Without an error code the file was read and holds no page.
        code = raw.FPDF_ERR_SUCCESS if error.err_code is None else error.err_code
        empty = "no_pages" if code == raw.FPDF_ERR_SUCCESS else "damaged"
        raise Refused(_REFUSALS.get(code, empty)) from None
    if raw.FPDF_GetSecurityHandlerRevision(pdf) != -1:
        raise Refused("protected")
    if raw.FPDF_GetFormType(pdf) == raw.FORMTYPE_XFA_FULL:
        raise Refused("dynamic_form")  # its pages say only that a certain program is needed
    return pdf


def _page(pdf: pypdfium2.PdfDocument, number: int) -> Image.Image:
    page = pdf[number]
    width, height = page.get_size()
    if not (min(width, height) >= SMALLEST_PAGE and max(width, height) <= LARGEST_PAGE):
        raise Refused("page_size")
    bitmap = page.render(scale=min(WIDEST / width, TALLEST / height, SHARPEST), limit_image_cache=True)
    drawn: Image.Image = bitmap.to_pil().convert("RGB")
    bitmap.close()
    page.close()
    return drawn


def _stacked(pages: list[Image.Image]) -> Image.Image:
    height = sum(page.height for page in pages) + _GAP * (len(pages) - 1)
    stack = Image.new("RGB", (max(page.width for page in pages), height), _GREY)
    top = 0
    for page in pages:
        stack.paste(page, ((stack.width - page.width) // 2, top))
        top += page.height + _GAP
    return stack


if __name__ == "__main__":
    serve(draw)
