"""Tables: reading them, describing their columns, cutting them into parts, and the ones that are shipped."""
