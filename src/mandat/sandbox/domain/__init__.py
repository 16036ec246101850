"""`/domain`: DNS zones with their records, files, restore points and tasks."""
