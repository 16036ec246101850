"""What the processes of a node tell about themselves: reports, how they are added up, metrics and readiness."""
