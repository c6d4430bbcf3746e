"""The dialogues: plan, form, picker, prompt, help, command line, error."""
