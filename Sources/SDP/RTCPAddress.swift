import NetworkTypes

/// What `a=rtcp` names (RFC 3605): a port, and an address unless it is that of `c=`.
public struct RTCPAddress: Hashable, Sendable {
    public let port: UInt16
    public let address: ConnectionData.Address?

    /// Reads `53020` or `53020 IN IP4 126.16.64.4`; nil for anything else.
    init?(_ bytes: [UInt8], _ value: Range<Int>) {
        var words = WordScanner(value)
        guard let port = bytes.decimal(words.next(in: bytes), as: UInt16.self) else { return nil }
        self.port = port
        let network = words.next(in: bytes)
        guard !network.isEmpty else {
            address = nil
            return
        }
        let type = words.next(in: bytes)
        guard bytes.equals(network, ignoringCase: "IN"), !type.isEmpty,
            let address = ConnectionData.Address(bytes, words.next(in: bytes))
        else { return nil }
        self.address = address
    }
}
