def tell_and_sleep(folder):
    """Leave a file named after this process in a folder, then do nothing for a while."""
    (folder / str(os.getpid())).touch()
    time.sleep(60.0)
