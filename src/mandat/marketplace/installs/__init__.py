"""Installing: from an order over the customer's permission to what was created, without doing anything twice."""
