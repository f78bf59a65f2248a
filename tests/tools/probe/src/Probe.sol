// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

/// What tools do with a contract, in one: storage, logs, every kind of failure, creation, value.
contract Probe {
    error Refused(uint256 code, string why);

    event Stored(address indexed by, uint256 indexed key, uint256 value, bytes note);
    event Received(address indexed from, uint256 value);

    uint256 public count;
    mapping(uint256 => uint256) public values;
    address public last;
    string public name;

    constructor(uint256 first, string memory given) payable {
        values[0] = first;
        name = given;
    }

    receive() external payable {
        emit Received(msg.sender, msg.value);
    }

    function store(uint256 key, uint256 value, bytes calldata note) public payable {
        values[key] = value;
        count += 1;
        emit Stored(msg.sender, key, value, note);
    }

    /// As many logs and slots as asked for.
    function storeMany(uint256 from, uint256 number, bytes calldata note) external {
        for (uint256 key = from; key < from + number; key++) store(key, key * key, note);
    }

    function clear(uint256 key) external {
        delete values[key];
    }

    function sum(uint256 from, uint256 number) external view returns (uint256 total, address caller) {
        for (uint256 key = from; key < from + number; key++) total += values[key];
        caller = msg.sender;
    }

    function refuse(uint256 code) public pure {
        revert Refused(code, "not today");
    }

    function refuseWithText() external pure {
        revert("in so many words");
    }

    function refuseSilently() external pure {
        revert();
    }

    function divide(uint256 a, uint256 b) external pure returns (uint256) {
        return a / b;
    }

    function neverEnds() external {
        while (true) count += 1;
    }

    /// Does what it should, and then refuses.
    function storeAndRefuse(uint256 key, bytes calldata note) external {
        store(key, 1, note);
        refuse(key);
    }

    function create(bytes32 salt) external payable returns (address made) {
        made = address(new Child{salt: salt, value: msg.value}(salt));
        last = made;
    }

    function destroyed(address payable heir) external returns (address made) {
        Child child = new Child(0);
        made = address(child);
        child.destroy(heir);
        last = made;
    }

    function hashed(bytes calldata data) external view returns (bytes32 sha, bytes32 keccak, bytes memory copy) {
        sha = sha256(data);
        keccak = keccak256(data);
        (, copy) = address(4).staticcall(data);
    }

    function place() external view returns (uint256 chain, uint256 baseFee, uint256 gasPrice, address origin) {
        return (block.chainid, block.basefee, tx.gasprice, tx.origin);
    }
}

contract Child {
    bytes32 public immutable salt;

    constructor(bytes32 given) payable {
        salt = given;
    }

    function destroy(address payable heir) external {
        selfdestruct(heir);
    }
}
