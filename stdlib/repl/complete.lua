return function() return " \t\n" end
