"""Speed, accuracy and memory, beside other libraries, on the same rows in the same run."""
