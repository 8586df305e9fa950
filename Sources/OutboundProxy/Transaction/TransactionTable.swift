import NetworkTypes
import SIP

/// All transactions of one shard, and the branches that name our own.
struct TransactionTable {
    private var servers: [TransactionKey: ServerTransaction] = [:]
    private var clients: [TransactionKey: ClientTransaction] = [:]
    private var flows = FlowIndex()
    private let hash: KeyedHash
    private var serial: UInt64
    /// What requests and responses that transactions keep come to, in octets.
    private(set) var octets = 0
    private var highWater = HighWater()

    /// `hash` keys the branches: nobody else can predict them, and a response with a guessed one finds nothing.
    init(hash: KeyedHash) {
        self.hash = hash
        serial = 0
    }

    var count: Int { servers.count + clients.count }

    /// Gives back the memory of a rush that is over; false when there is nothing to give.
    mutating func shrink() -> Bool {
        guard highWater.hasEbbed(to: count) else { return false }
        servers.shrink()
        clients.shrink()
        flows.shrink()
        return true
    }

    /// All server transactions, in no order.
    var allServers: some Sequence<ServerTransaction> { servers.values }

    func server(_ key: TransactionKey) -> ServerTransaction? { servers[key] }
    func client(_ key: TransactionKey) -> ClientTransaction? { clients[key] }

    mutating func add(_ transaction: ServerTransaction) {
        servers[transaction.key] = transaction
        octets += transaction.weight
        highWater.note(count)
    }

    mutating func add(_ transaction: ClientTransaction) {
        clients[transaction.key] = transaction
        flows.add(transaction)
        highWater.note(count)
    }

    mutating func remove(_ transaction: ServerTransaction) {
        if servers.removeValue(forKey: transaction.key) != nil { octets -= transaction.weight }
    }

    /// The transaction keeps `octets` from now on.
    mutating func weigh(_ transaction: ServerTransaction, _ octets: Int) {
        if servers[transaction.key] === transaction { self.octets += octets - transaction.weight }
        transaction.weight = octets
    }

    mutating func remove(_ transaction: ClientTransaction) {
        clients[transaction.key] = nil
        flows.remove(transaction)
    }

    /// Parts requests from their branches, which keep each other: a table that is let go in the middle of a call would
    /// stay in memory.
    func disband() {
        for server in servers.values { server.branches = [] }
        flows.disband()
    }

    /// The client transactions that send to the flow's peer by its listener.
    func clients(on flow: Flow) -> [ClientTransaction] { flows.clients(on: flow) }

    /// The same number for the same octets, for nobody else to predict.
    func number(of octets: ArraySlice<UInt8>) -> UInt64 { hash(octets) }

    /// A number that no other transaction of the shard has.
    mutating func nextSerial() -> UInt64 {
        serial &+= 1
        return serial
    }

    /// A branch of our own (RFC 3261 §8.1.1.7): the cookie, a unique part, and the hash of what a loop would repeat
    /// (§16.6 step 8).
    mutating func newBranch(loop: UInt64) -> [UInt8] {
        var branch = Array("z9hG4bK".utf8)
        branch.reserveCapacity(41)
        let number = nextSerial()
        branch.appendHexadecimal(hash(number))
        branch.append(UInt8(ascii: "-"))
        branch.appendHexadecimal(loop)
        return branch
    }

    /// A word that nobody else has or can predict: a tag, a Call-ID.
    mutating func newToken() -> [UInt8] {
        var token: [UInt8] = []
        token.appendHexadecimal(hash(nextSerial()))
        return token
    }

    /// The hash of the fields that stay the same when a request comes round unchanged (RFC 3261 §16.6 step 8).
    func loopHash(of request: Message) -> UInt64 {
        var octets: [UInt8] = []
        octets.reserveCapacity(256)
        let bytes = request.bytes
        for range in [request.requestURI, request.fromTag ?? 0..<0, request.toTag ?? 0..<0, request.callID] {
            octets.append(contentsOf: bytes[range])
            octets.append(0)
        }
        octets.appendDecimal(request.cSeq.number)
        for field in request.headers {
            switch field.name {
            case .proxyRequire, .proxyAuthorization, .route: octets.append(contentsOf: bytes[field.value])
            default: break
            }
        }
        return hash(octets)
    }

    /// The tag of our own responses to a request: the same for each retransmission, so that no state is needed, and
    /// for the ACK, so that it is known as ours.
    func tag(for request: Message) -> UInt64 {
        var octets = Array(request.bytes[request.callID])
        octets.append(0)
        octets.append(contentsOf: request.bytes[request.topVia.branch ?? request.topVia.range])
        return hash(octets)
    }
}
