"""The words of the product as plain data, the filter language and the errors. No I/O."""
