import NetworkTypes

/// A simulated host that speaks SIP: the PBX inside, or a node of an ITSP outside. It calls, is called, registers or is
/// the registrar, as the run's scripts say.
final class UserAgent {
    let name: String
    let side: Side
    let address: SocketAddress
    unowned let world: World
    var random: SeededRandom
    /// Spells header names in their compact forms.
    var isCompact = false
    /// Puts `rport` into its Via (RFC 3581).
    var usesRport = true
    /// Records its route, with a Contact elsewhere, as an ITSP's proxy does.
    var recordsRoute = false
    /// A host that is down neither sends nor receives.
    private(set) var isUp = true
    /// While it is down the edge is told that nothing can be sent to it.
    private(set) var isUnreachable = false
    /// Counts crashes: what was planned before one doesn't happen.
    private var life = 0
    private var count = 0

    private var clients: [String: ClientExchange] = [:]
    private var servers: [String: ServerExchange] = [:]
    private var dialogs: [String: Dialog] = [:]
    private var dialogsByPort: [UInt16: Dialog] = [:]
    private var callees: [String: CalleeLeg] = [:]
    /// INVITEs outside dialogs, by From tag, Call-ID and CSeq: one that comes by another way is the same (§8.2.2.2).
    private var seen: Set<String> = []
    lazy var registrar = Registrar(self)

    init(_ name: String, _ side: Side, _ address: SocketAddress, in world: World, seed: UInt64) {
        self.name = name
        self.side = side
        self.address = address
        self.world = world
        random = SeededRandom(seed: seed, stream: address.ip.low)
    }

    var now: Instant { world.now }
    var edge: SocketAddress {
        side == .inside ? Edge.inside : address.ip.family == .v4 ? Edge.outside : Edge.outside6
    }

    /// Its address as URIs have it.
    var host: String { address.ip.family == .v4 ? "\(address.ip)" : "[\(address.ip)]" }

    // MARK: Life

    func after(_ delay: Duration, _ action: @escaping () -> Void) {
        let life = life
        world.queue.after(delay) { [self] in if life == self.life { action() } }
    }

    /// Off the net, or gone with all it knew.
    func goDown(forgetting: Bool, isUnreachable: Bool) {
        isUp = false
        self.isUnreachable = isUnreachable
        guard forgetting else { return }
        life += 1
        clients = [:]
        servers = [:]
        dialogs = [:]
        dialogsByPort = [:]
        callees = [:]
        seen = []
        registrar = Registrar(self)
    }

    func comeBack() {
        isUp = true
        isUnreachable = false
    }

    /// What is left when all is over.
    var openDialogs: [Dialog] { dialogs.values.filter { !$0.isOver } }

    // MARK: Sending

    func newBranch() -> String {
        count += 1
        return "z9hG4bK\(name)\(life)-\(count)"
    }

    func newTag(_ prefix: String = "") -> String {
        count += 1
        return "\(prefix)\(name)\(life)x\(count)"
    }

    func newPort() -> Int {
        count += 1
        return 20_000 + count % 4000 * 2
    }

    func via(_ branch: String) -> String {
        "SIP/2.0/UDP \(address)\(usesRport ? ";rport" : "");branch=\(branch)"
    }

    func send(_ bytes: [UInt8], to destination: SocketAddress) {
        guard isUp else { return }
        world.send(bytes, from: self, to: destination)
    }

    func parsed(_ message: Outgoing) -> SIPText? {
        do { return try SIPText(message.bytes(compact: isCompact)) } catch {
            world.broken("a host of the simulation wrote a malformed message: \(error.reason)")
            return nil
        }
    }

    /// Sends a request in a client transaction; nil tells of a timeout.
    @discardableResult
    func exchange(
        _ message: Outgoing, to destination: SocketAddress, _ done: @escaping (SIPText?) -> Void
    ) -> ClientExchange? {
        guard let request = parsed(message) else { return nil }
        let exchange = ClientExchange(
            self, request, to: destination, onResponse: { done($0) }, onTimeout: { done(nil) })
        clients[request.branch + request.method] = exchange
        exchange.start()
        return exchange
    }

    // MARK: Receiving

    func receive(_ message: SIPText, from source: SocketAddress) {
        guard isUp else { return }
        if message.isRequest {
            receiveRequest(message, from: source)
        } else if let client = clients[message.branch + message.cSeqMethod] {
            client.receive(message)
        } else if life == 0 {
            world.broken("\(name) gets a response to nothing: \(message.kind) \(message.callID)")
        }
    }

    private func receiveRequest(_ request: SIPText, from source: SocketAddress) {
        if request.method == "ACK" { return receiveACK(request) }
        if let server = servers[request.branch + request.method] { return server.receiveAgain() }
        let server = ServerExchange(self, request, from: source)
        servers[request.branch + request.method] = server
        if request.method == "CANCEL" { return receiveCANCEL(server) }
        if let toTag = request.toTag {
            guard let dialog = dialogs[request.callID + toTag + request.fromTag] else {
                server.respond(481, tag: nil)
                return
            }
            return dialog.receive(server)
        }
        switch request.method {
        case "INVITE":
            guard let script = world.script(of: request.callID) else {
                server.respond(404, tag: newTag())
                return
            }
            guard seen.insert("\(request.callID) \(request.fromTag) \(request.cSeq)").inserted else {
                server.respond(482, tag: newTag())
                return
            }
            let leg = CalleeLeg(self, server, script)
            callees[request.branch] = leg
            leg.start()
        case "REGISTER": registrar.receive(server)
        case "OPTIONS": server.respond(200, tag: newTag())
        // A 408 from who should have kept silent (RFC 4320 §4.2).
        case "MESSAGE" where request["x-silent"] == "408": server.respond(408, tag: newTag())
        case "MESSAGE": if request["x-silent"] == nil { server.respond(200, tag: newTag()) }
        default: server.respond(501, tag: newTag())
        }
    }

    private func receiveACK(_ ack: SIPText) {
        if let server = servers[ack.branch + "INVITE"] { return server.acknowledged() }
        guard let toTag = ack.toTag else { return }
        dialogs[ack.callID + toTag + ack.fromTag]?.receiveACK(ack)
    }

    private func receiveCANCEL(_ server: ServerExchange) {
        guard let invite = servers[server.request.branch + "INVITE"] else {
            server.respond(481, tag: newTag())
            return
        }
        server.respond(200, tag: newTag())
        guard invite.isOpen else { return }
        invite.cancel()
        callees[server.request.branch]?.cancelled()
    }

    func receiveMedia(on port: UInt16) { dialogsByPort[port]?.receivedMedia() }

    // MARK: Dialogs

    func add(_ dialog: Dialog) {
        dialogs[dialog.callID + dialog.localTag + dialog.remoteTag] = dialog
        dialogsByPort[UInt16(dialog.media.port)] = dialog
    }

    func remove(_ dialog: Dialog) {
        // Late retransmissions of its requests still find their transactions; new ones find nothing.
        dialogs[dialog.callID + dialog.localTag + dialog.remoteTag] = nil
        if dialogsByPort[UInt16(dialog.media.port)] === dialog { dialogsByPort[UInt16(dialog.media.port)] = nil }
    }
}
