-- nn.Embedding: a learned vector for each of V ids.

local ap = require "apsis"
local F = require "apsis.nn.functional"
local Module = require "apsis.nn.Module"
local Parameter = require "apsis.nn.Parameter"
local init = require "apsis.nn.initializers"
local check = require "apsis.nn.check"

local Embedding = Module:extend "Embedding"

--- Looks up rows: ids (*) of 1..num_embeddings give (*, embedding_dim).
---@param num_embeddings integer V, how many ids there are
---@param embedding_dim integer D
---@param padding_idx? integer|{padding_idx: integer} the id whose row is zero and gets no gradient
--- weight (V, D) starts normal(0, 1).
--- Source: torch.nn.Embedding.  Example: nn.Embedding(100, 16)(ap.tensor({1, 100}, {dtype = "i64"})).shape --> {2, 16}
function Embedding:init(num_embeddings, embedding_dim, ...)
  local options = check.options("Embedding", {"padding_idx"}, ...)
  self.num_embeddings = check.size("Embedding", 1, "num_embeddings", num_embeddings)
  self.embedding_dim = check.size("Embedding", 2, "embedding_dim", embedding_dim)
  self.padding_idx = options.padding_idx
  self.weight = Parameter.new(ap.empty(num_embeddings, embedding_dim))
  init.normal_(self.weight)
  if self.padding_idx then init.zeros_(self.weight:detach()[self.padding_idx]) end
end

function Embedding:forward(ids)
  return F.embedding(ids, self.weight, self.padding_idx)
end

function Embedding:extra_repr()
  local text = ("%d, %d"):format(self.num_embeddings, self.embedding_dim)
  return self.padding_idx and text .. ", padding_idx=" .. self.padding_idx or text
end

return Embedding
