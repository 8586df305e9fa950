import NetworkTypes

/// What a message must share with a transaction to belong to it (RFC 3261 §17.1.3, §17.2.3).
public struct TransactionKey: Hashable, Sendable {
    private let octets: [UInt8]

    /// The key of the server transaction that a request belongs to: branch, sent-by and method, where ACK and CANCEL
    /// belong to their INVITE by its method. Without the magic cookie: the fields that RFC 2543 compared.
    public init(serverOf request: Message, method: Method? = nil) {
        let method = method ?? (request.method == .ack ? .invite : request.method)
        let bytes = request.bytes
        var key: [UInt8] = []
        key.reserveCapacity(96)
        key.append(method.rawValue)
        if method == .other { key.append(contentsOf: bytes[request.methodRange]) }
        if let branch = request.topVia.branch, request.topVia.hasMagicCookie(in: bytes) {
            key.append(contentsOf: bytes[branch])
            key.append(0)
            key.append(contentsOf: bytes[request.topVia.sentBy].lazy.map(\.lowercased))
        } else {
            key.append(0)
            for range in [request.requestURI, request.callID, request.fromTag ?? 0..<0, request.topVia.range] {
                key.append(contentsOf: bytes[range])
                key.append(0)
            }
            appendOctets(of: request.cSeq.number, to: &key)
        }
        octets = key
    }

    /// The key of the client transaction that a response belongs to: the branch that we made, and the CSeq method.
    public init(clientOf response: Message) {
        self.init(branch: response.topVia.branch.map { response.bytes[$0] } ?? [], method: response.cSeq.method)
    }

    /// The key of a client transaction of ours.
    public init(branch: ArraySlice<UInt8>, method: Method) {
        var key: [UInt8] = []
        key.reserveCapacity(branch.count + 1)
        key.append(method.rawValue)
        key.append(contentsOf: branch)
        octets = key
    }
}

private func appendOctets(of number: UInt32, to key: inout [UInt8]) {
    for shift in stride(from: 24, through: 0, by: -8) { key.append(UInt8(truncatingIfNeeded: number >> UInt32(shift))) }
}
