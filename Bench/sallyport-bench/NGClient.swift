import NetworkTypes

/// Speaks rtpengine's NG protocol: a cookie, a blank and a bencoded dictionary in each UDP datagram.
final class NGClient {
    private let socket: UDPSocket
    private let poller: Poller
    private let server: SocketAddress
    private let batch = DatagramBatch(capacity: 4, size: 65536)
    private var requests: UInt64 = 0

    init(server: SocketAddress) throws(SystemError) {
        self.server = server
        socket = try UDPSocket(ip: IPAddress(v4: 0x7f00_0001), port: 0)
        poller = try Poller()
        try poller.watch(socket, token: 0)
    }

    /// Whether the server answers a ping.
    func ping(within patience: Duration) -> Bool {
        request(["command": .text("ping")], patience: patience)?["result"]?.text == "pong"
    }

    /// Hands over the offer of a call; gives the SDP for the answerer, which is for SRTP with keys in it if so wished.
    func offer(call: String, from tag: String, sdp: [UInt8], securely: Bool = false) throws -> [UInt8] {
        // The interfaces are named in the order caller's side, answerer's side.
        var entries: [String: Bencode] = [
            "command": .text("offer"), "call-id": .text(call), "from-tag": .text(tag), "sdp": .bytes(sdp),
            "direction": .list([.text("in"), .text("out")]), "ICE": .text("remove"),
            "replace": .list([.text("origin")]),
        ]
        if securely {
            entries["transport-protocol"] = .text("RTP/SAVP")
            entries["DTLS"] = .text("off")
            entries["SDES"] = .list([.text("only-\(SecureAudio.suite.name)")])
        }
        return try exchange(entries)
    }

    /// Hands over the answer; gives the SDP for the caller.
    func answer(call: String, from tag: String, to remoteTag: String, sdp: [UInt8]) throws -> [UInt8] {
        try exchange([
            "command": .text("answer"), "call-id": .text(call), "from-tag": .text(tag), "to-tag": .text(remoteTag),
            "sdp": .bytes(sdp), "ICE": .text("remove"), "replace": .list([.text("origin")]),
        ])
    }

    func delete(call: String, from tag: String) {
        _ = request(
            ["command": .text("delete"), "call-id": .text(call), "from-tag": .text(tag)], patience: .seconds(2))
    }

    private func exchange(_ entries: [String: Bencode]) throws -> [UInt8] {
        guard let reply = request(entries, patience: .seconds(5)) else {
            throw BenchFailure("rtpengine did not answer at \(server)")
        }
        guard reply["result"]?.text == "ok", let sdp = reply["sdp"]?.bytes else {
            throw BenchFailure("rtpengine refused: \(reply["error-reason"]?.text ?? "no reason given")")
        }
        return sdp
    }

    /// Sends a request, again every half second, until its reply comes; nil when none does.
    private func request(_ entries: [String: Bencode], patience: Duration) -> Bencode? {
        requests += 1
        let cookie = Array("bench\(socket.address.port).\(requests) ".utf8)
        let message = cookie + Bencode.dictionary(bytesOfKeys(entries)).encoded
        let end = Instant.now + patience
        while Instant.now < end {
            socket.send(message, to: server)
            if let reply = reply(cookie, until: min(end, .now + .milliseconds(500))) { return reply }
        }
        return nil
    }

    private func bytesOfKeys(_ entries: [String: Bencode]) -> [[UInt8]: Bencode] {
        Dictionary(uniqueKeysWithValues: entries.map { (Array($0.key.utf8), $0.value) })
    }

    private func reply(_ cookie: [UInt8], until deadline: Instant) -> Bencode? {
        while Instant.now < deadline {
            guard !poller.wait(until: deadline, from: .now).isEmpty else { continue }
            for index in 0..<batch.receive(from: socket.descriptor) {
                let bytes = Array(batch[index].content)
                if bytes.starts(with: cookie) { return Bencode(Array(bytes.dropFirst(cookie.count))) }
            }
        }
        return nil
    }
}
