import DNS
import Glibc
import NetworkTypes
import Reactor
import TestSupport

/// A DNS server on a loopback port, over UDP and TCP, which answers from a zone or misbehaves.
final class DNSServer {
    enum Conduct {
        case answer, silence
        case delay(Duration)
        /// Answers with this response code.
        case code(UInt16)
        /// Says over UDP that the answer is too long for it.
        case truncate
        case wrongID, wrongQuestion, garbage
        /// A wrong answer first, then the right one.
        case lieThenAnswer
    }

    struct Query: Hashable {
        var name: String
        var type: RecordType?
        var isTCP: Bool
        var hasEDNS: Bool
    }

    var zone: Zone
    var conduct: (Query) -> Conduct = { _ in .answer }
    private(set) var queries: [Query] = []
    let address: SocketAddress

    private let loop: EventLoop
    private let socket: UDPSocket
    private let listener: Int32
    private let batch = PacketBatch(capacity: 16)
    private var accepting: Readiness?
    private var streams: [Int32: Readiness] = [:]
    private var timers: [Timer] = []

    init(
        on loop: EventLoop, _ lines: [String] = [],
        at any: SocketAddress = SocketAddress(IPAddress(v4: 0x7f00_0001), 0)
    ) throws(SystemError) {
        self.loop = loop
        zone = Zone(lines)
        var found: (UDPSocket, Int32)?
        for _ in 0..<20 where found == nil {
            let socket = try UDPSocket(binding: any)
            if let listener = Self.listen(socket.localAddress) { found = (socket, listener) }
        }
        guard let found else { throw SystemError("find a port for both transports", code: EADDRINUSE) }
        (socket, listener) = found
        address = socket.localAddress
        try socket.onReadable(loop) { [unowned self] in readDatagrams() }
        let accepting = Readiness(on: loop, descriptor: listener, when: .readable) { [unowned self] in accept() }
        try accepting.start()
        self.accepting = accepting
    }

    deinit {
        accepting?.stop()
        close(listener)
        for (stream, readiness) in streams {
            readiness.stop()
            close(stream)
        }
    }

    func takeQueries() -> [Query] {
        defer { queries = [] }
        return queries
    }

    // MARK: Transports

    private static func listen(_ local: SocketAddress) -> Int32? {
        let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = local.port.bigEndian
        address.sin_addr.s_addr = (local.ip.v4 ?? 0).bigEndian
        let isBound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        if isBound, Glibc.listen(descriptor, 8) == 0 { return descriptor }
        close(descriptor)
        return nil
    }

    private func readDatagrams() {
        guard let count = try? batch.receive(from: socket) else { return }
        for slot in 0..<count {
            guard let source = batch.source(slot) else { continue }
            handle([UInt8](batch.bytes(slot)), isTCP: false) { [unowned self] in try? socket.send($0, to: source) }
        }
    }

    private func accept() {
        let stream = Glibc.accept(listener, nil, nil)
        guard stream >= 0 else { return }
        let readiness = Readiness(on: loop, descriptor: stream, when: .readable) { [unowned self] in read(stream) }
        try? readiness.start()
        streams[stream] = readiness
    }

    /// One query at a time, in one piece: enough for loopback.
    private func read(_ stream: Int32) {
        var octets = [UInt8](repeating: 0, count: 4096)
        let count = recv(stream, &octets, octets.count, 0)
        guard count > 2 else {
            streams.removeValue(forKey: stream)?.stop()
            close(stream)
            return
        }
        handle(Array(octets[2..<count]), isTCP: true) { response in
            let framed = ZoneRecord.octets(UInt16(response.count)) + response
            _ = send(stream, framed, framed.count, Int32(MSG_NOSIGNAL))
        }
    }

    // MARK: Answers

    private func handle(_ octets: [UInt8], isTCP: Bool, reply: @escaping ([UInt8]) -> Void) {
        guard octets.count > 16 else { return }
        var (labels, offset): ([String], Int) = ([], 12)
        while offset < octets.count, octets[offset] > 0 {
            let end = offset + 1 + Int(octets[offset])
            labels.append(String(decoding: octets[offset + 1..<end], as: UTF8.self))
            offset = end
        }
        let name = labels.joined(separator: ".")
        let type = UInt16(octets[offset + 1]) << 8 | UInt16(octets[offset + 2])
        let query = Query(
            name: name, type: RecordType(rawValue: type), isTCP: isTCP, hasEDNS: octets[11] == 1)
        queries.append(query)
        var response = zone.response(name, type)
        response.id = UInt16(octets[0]) << 8 | UInt16(octets[1])
        answer(response, conduct(query), isTCP: isTCP, reply)
    }

    private func answer(
        _ response: ZoneResponse, _ conduct: Conduct, isTCP: Bool, _ reply: @escaping ([UInt8]) -> Void
    ) {
        var lie = response
        lie.answers = [ZoneRecord("\(response.question.name) 300 A 192.0.2.66")]
        switch conduct {
        case .answer: reply(response.wire)
        case .silence: break
        case .delay(let duration):
            let timer = Timer(on: loop) { reply(response.wire) }
            timer.schedule(after: duration)
            timers.append(timer)
        case .code(let code):
            var failure = ZoneResponse(response.question.name, response.question.type)
            failure.id = response.id
            failure.flags = 0x8180 | code
            reply(failure.wire)
        case .truncate:
            var short = response
            if !isTCP {
                short.flags |= 0x0200
                short.answers = []
            }
            reply(short.wire)
        case .wrongID:
            lie.id = response.id ^ 0x5555
            reply(lie.wire)
        case .wrongQuestion:
            lie.question.name = "other.example"
            reply(lie.wire)
        case .garbage: reply([UInt8](repeating: 0xc0, count: 40))
        case .lieThenAnswer:
            answer(response, .wrongID, isTCP: isTCP, reply)
            answer(response, .wrongQuestion, isTCP: isTCP, reply)
            reply(response.wire)
        }
    }
}
