import NetworkTypes

/// Asks a SIP element whether it is there, by OPTIONS.
final class ProxyProbe {
    private let socket: UDPSocket
    private let poller: Poller
    private let batch = DatagramBatch(capacity: 4, size: 8192)
    private let name = UInt32.random(in: 1 ... .max)
    private var attempts: UInt32 = 0

    init(from ip: IPAddress) throws(SystemError) {
        socket = try UDPSocket(ip: ip, port: 0)
        poller = try Poller()
        try poller.watch(socket, token: 0)
    }

    /// Whether the element answers a new OPTIONS, by whatever status.
    func isAnswered(by address: SocketAddress, within patience: Duration) -> Bool {
        attempts += 1
        socket.send(request(to: address), to: address)
        let end = Instant.now + patience
        while Instant.now < end {
            guard !poller.wait(until: end, from: .now).isEmpty else { continue }
            for index in 0..<batch.receive(from: socket.descriptor) {
                if case .response? = ReceivedMessage(batch[index].content)?.start { return true }
            }
        }
        return false
    }

    private func request(to address: SocketAddress) -> [UInt8] {
        var builder = MessageBuilder(.options, uri: Array("sip:\(address)".utf8))
        let via = "SIP/2.0/UDP \(socket.address);rport;branch=z9hG4bK\(name).\(attempts)"
        builder.field("Via", Array(via.utf8))
        builder.field("Max-Forwards", "70")
        builder.field("From", Array("<sip:probe@\(socket.address)>;tag=\(name)".utf8))
        builder.field("To", Array("<sip:\(address)>".utf8))
        builder.field("Call-ID", Array("\(name).\(attempts)@sallyport-bench".utf8))
        builder.cseq(1, .options)
        builder.field("Contact", Array("<sip:probe@\(socket.address)>".utf8))
        return builder.finish()
    }
}
