"""Web logs; the feeds themselves follow."""
import polars as pl
class Web:
    def __init__(self, p): pass
    def click_details(self, day, clicks):
        n=len(clicks)
        return pl.DataFrame({"url":["https://x.example/"]*n,"ip":["198.18.0.1"]*n,"user_agent":["Mozilla/5.0"]*n})
