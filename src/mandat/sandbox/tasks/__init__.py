"""What was accepted and happens later. `life` says what may become of a task, `keeper` lets it happen when due."""
