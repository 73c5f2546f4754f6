"""Read pages as their readers do."""

import re
from html.parser import HTMLParser


class Reading(HTMLParser):
    """The headings, addresses, drawings, texts and rows of tables of a page."""

    def __init__(self, html):
        super().__init__()
        self.headings, self.addresses, self.drawings, self.texts, self.tags = [], [], [], [], []
        self.rows = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append((tag, given))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        self.addresses += [given[name] for name in ("src", "href", "action") if name in given]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag == "svg":
            self.drawings.append(given)

    def handle_data(self, data):
        if data.strip() and self.tags[-1][0] not in ("style", "script"):
            self.texts.append(data.strip())
            if self.tags[-1][0] in ("td", "th"):
                self.rows[-1][-1] += data.strip()

    def cells(self, first):
        """The cells after the first of the first row that begins so, without ranges."""
        return next(row[1:] for row in self.rows if row and row[0] == first)
