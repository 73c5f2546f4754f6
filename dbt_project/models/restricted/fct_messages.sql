{{ messages(stored_sources()) }}
