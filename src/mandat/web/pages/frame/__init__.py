"""What every page stands on: reading forms strictly, knowing the visitor, answering. No page lives here."""
