"""Methods compared with one another: on one task, and over tasks and families of tasks."""
