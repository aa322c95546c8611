-- apsis.train: a training loop with progress, validation, checkpoints and exact resuming.
--
--   local train = require "apsis.train"
--   local history = train.fit(model, {
--     train = train_loader, valid = valid_loader,
--     loss = nn.CrossEntropyLoss(), optimizer = opt, epochs = 10,
--     metrics = {accuracy = train.metrics.accuracy},
--     checkpoint = "run.safetensors", resume = true,
--   })

return require "apsis.lazy"("apsis.train.", {metrics = "metrics", checkpoint = "checkpoint"},
  {fit = "fit", evaluate = "fit"})
