public import NetworkTypes

/// The addresses that this machine has, given to the validation so that it needs no machine in tests.
public struct InterfaceTable: Hashable, Sendable {
    /// One address of one interface.
    public struct Entry: Hashable, Sendable {
        public var name: String
        public var address: IPAddress
        public var prefixLength: Int

        public init(name: String, address: IPAddress, prefixLength: Int) {
            self.name = name
            self.address = address
            self.prefixLength = prefixLength
        }

        /// The subnet that the address is in.
        public var network: IPNetwork { IPNetwork(address, prefixLength: prefixLength) }
    }

    public var entries: [Entry]

    public init(_ entries: [Entry]) { self.entries = entries }

    /// The entry of an address of ours; for 127.0.0.2 and its like, which Linux accepts without naming them, that of
    /// the loopback network.
    public func entry(of address: IPAddress) -> Entry? {
        entries.first { $0.address == address }
            ?? entries.first { address.isLoopback && $0.address.isLoopback && $0.network.contains(address) }
    }
}
