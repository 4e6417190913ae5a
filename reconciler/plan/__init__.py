"""What is wanted + what is owned → a Plan; its prices, selection and rendering. No I/O here."""
