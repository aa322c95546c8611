--- Statistics of samples beside the distribution that they should have.

local statistics = {}

--- distance: Kolmogorov and Smirnov's: the largest distance of a sample's distribution from F, times the square root
--- of its size. 1.95 is exceeded with probability 0.001: seeds are fixed.
---@param x Tensor
---@param F fun(v: number): number the distribution function
---@return number
function statistics.distance(x, F)
  local sorted, n, most = x:reshape(-1):to("f64"):sort():totable(), x:numel(), 0
  for i, v in ipairs(sorted) do
    local p = F(v)
    most = math.max(most, math.abs(p - i / n), math.abs(p - (i - 1) / n))
  end
  return most * math.sqrt(n)
end

return statistics
