"""The numbers of a report, before anything is drawn."""
