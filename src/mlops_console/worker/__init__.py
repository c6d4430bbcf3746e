"""The background process of a workspace: it performs jobs, keeps model servers alive and looks after lost runs."""
