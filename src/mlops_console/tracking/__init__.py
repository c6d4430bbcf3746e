"""What training code uses: runs, the spool that no crash loses, and what is read back from the store."""
