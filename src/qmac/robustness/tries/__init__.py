"""How many independent tries is a grid worth?"""
