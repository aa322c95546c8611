-- apsis.optim: optimisers and learning-rate schedules, loaded at their first use.
--
--   local optim = require "apsis.optim"
--   local opt = optim.SGD(model:parameters(), {lr = 0.01, momentum = 0.9})
--   opt:zero_grad()
--   loss:backward()
--   opt:step()

return require "apsis.lazy"("apsis.optim.", {
  Optimizer = "Optimizer", SGD = "SGD", Adam = "Adam", AdamW = "AdamW", lr_scheduler = "lr_scheduler",
}, {
  RMSprop = "adaptive", Adagrad = "adaptive", Adadelta = "adaptive", Adamax = "adaptive", NAdam = "adaptive",
  RAdam = "adaptive",
})
