"""The machinery under the stores: files, tables, migrations, one writer thread for each file, readers."""
