"""What every room uses: files, devices, seeds, progress."""
