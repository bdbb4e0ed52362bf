# response
