/// One of the two sides of the edge. A message's side is the listener that received it, never a guess from its headers.
public enum Side: UInt8, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    /// The private network, with the PBX.
    case inside
    /// The public network, with the ITSPs and remote phones.
    case outside

    public var opposite: Side { self == .inside ? .outside : .inside }

    public var description: String { self == .inside ? "inside" : "outside" }
}
