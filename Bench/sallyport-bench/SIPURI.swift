import NetworkTypes

/// The parts of a SIP URI that decide where a request goes.
struct SIPURI: Equatable {
    var user: [UInt8]
    var address: SocketAddress
    var isLooseRouter: Bool

    /// Reads `sip:user@192.0.2.1:5060;lr`; nil for names instead of addresses, which the generator does not resolve.
    init?(_ text: some Collection<UInt8>) {
        let bytes = Array(text)
        guard bytes.count > 4, bytes.equals(0..<4, ignoringCase: "sip:") else { return nil }
        let parts = bytes[4...].split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
        let at = parts[0].lastIndex(of: UInt8(ascii: "@"))
        user = at.map { Array(parts[0][..<$0]) } ?? []
        let hostPort = parts[0][(at.map { $0 + 1 } ?? parts[0].startIndex)...]
        guard let address = Self.address(Array(hostPort)) else { return nil }
        self.address = address
        isLooseRouter = parts.dropFirst().contains { $0.elementsEqual("lr".utf8) || $0.starts(with: "lr=".utf8) }
    }

    private static func address(_ bytes: [UInt8]) -> SocketAddress? {
        if let ip = IPAddress(text: bytes) { return SocketAddress(ip, 5060) }
        return SocketAddress(String(decoding: bytes, as: UTF8.self))
    }
}
